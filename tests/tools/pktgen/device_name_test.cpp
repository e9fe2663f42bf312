#include "tools/pktgen/device_name.h"

#include <gtest/gtest.h>

namespace sluice::pktgen {
namespace {

TEST(DeviceName, PciAddresses) {
  EXPECT_EQ(parse_device("0000:03:00.1"), (DeviceName{"pci", "0000:03:00.1", ""}));
  EXPECT_EQ(parse_device("3b:00.0"), (DeviceName{"pci", "0000:3b:00.0", ""}));
}

TEST(DeviceName, DevicesOfDpdkWithArguments) {
  EXPECT_EQ(parse_device("net_null0"), (DeviceName{"vdev", "net_null0", ""}));
  EXPECT_EQ(parse_device("net_af_packet1,iface=eth1,qpairs=1"),
            (DeviceName{"vdev", "net_af_packet1", "iface=eth1,qpairs=1"}));
  EXPECT_EQ(parse_device("net_af_packet1,iface=eth1,qpairs=1")->text(),
            "net_af_packet1,iface=eth1,qpairs=1");
}

TEST(DeviceName, OthersAreRefused) {
  for (const char* text : {"", "eth0", "net_", "net null", "Net_null0", "net_null0 ", ",", "03:00",
                           "0000:03:00.1,x=y", "0000:03:00.g", "crypto_null0", "--vdev"})
    EXPECT_EQ(parse_device(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sluice::pktgen
