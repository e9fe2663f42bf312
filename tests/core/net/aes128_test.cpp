#include "core/net/aes128.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using Implementation = Aes128::Implementation;

Aes128::Block block(std::string_view hex) {
  Aes128::Block out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(2 * i, 2)), nullptr, 16));
  return out;
}

void expect_both_ways(const Aes128& cipher, std::string_view plain, std::string_view encrypted) {
  EXPECT_EQ(test::hex(cipher.encrypt(block(plain))), test::hex(block(encrypted)));
  EXPECT_EQ(test::hex(cipher.decrypt(block(encrypted))), test::hex(block(plain)));
}

void expect_published_blocks(Implementation implementation) {
  // FIPS 197 appendix B and appendix C.1.
  expect_both_ways(Aes128(block("2b7e151628aed2a6abf7158809cf4f3c"), implementation),
                   "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32");
  expect_both_ways(Aes128(block("000102030405060708090a0b0c0d0e0f"), implementation),
                   "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a");
  // NIST SP 800-38A appendix F.1.1, the four blocks of ECB-AES128.
  const Aes128 cipher(block("2b7e151628aed2a6abf7158809cf4f3c"), implementation);
  expect_both_ways(cipher, "6bc1bee22e409f96e93d7e117393172a", "3ad77bb40d7a3660a89ecaf32466ef97");
  expect_both_ways(cipher, "ae2d8a571e03ac9c9eb76fac45af8e51", "f5d3d58503b9699de785895a96fdbaaf");
  expect_both_ways(cipher, "30c81c46a35ce411e5fbc1191a0a52ef", "43b1cd7f598ece23881b00e3ed030688");
  expect_both_ways(cipher, "f69f2445df4f9b17ad2b417be66c3710", "7b0c785e27e8ad3f8223207104725dd4");
}

TEST(Aes128, EncryptsThePublishedBlocksInSoftware) {
  expect_published_blocks(Implementation::software);
}

TEST(Aes128, EncryptsThePublishedBlocksByInstructions) {
  if (Aes128::best() != Implementation::instructions)
    GTEST_SKIP() << "this processor has no AES instructions";
  expect_published_blocks(Implementation::instructions);
}

TEST(Aes128, BothImplementationsAgree) {
  if (Aes128::best() != Implementation::instructions)
    GTEST_SKIP() << "this processor has no AES instructions";
  std::mt19937_64 random(0xae5);
  const auto any = [&] {
    Aes128::Block out;
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
  };
  for (int i = 0; i < 10'000; ++i) {
    const Aes128::Block key = any();
    const Aes128::Block text = any();
    const Aes128 software(key, Implementation::software);
    const Aes128 instructions(key, Implementation::instructions);
    ASSERT_EQ(software.encrypt(text), instructions.encrypt(text));
    ASSERT_EQ(software.decrypt(text), instructions.decrypt(text));
    ASSERT_EQ(software.decrypt(software.encrypt(text)), text);
  }
}

}  // namespace
}  // namespace sluice
