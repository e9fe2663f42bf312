#compdef sluicectl
# Completion of sluicectl for zsh: source <(sluicectl completion zsh)
_sluicectl() {
  local -a commands options socket words_left names
  commands=(
    'status:is everything as it should be'
    'services:services with their listeners and traffic'
    'backends:backends with health, weight and share'
    'check:look for errors in a configuration file'
    'plan:show what a configuration file would change'
    'apply:put a configuration file in force'
    'drain:let a backend keep its flows, but take no new ones'
    'enable:let a backend take new flows again'
    'weight:set or reset the weight of a backend'
    'counters:what became of packets'
    'flows:flows that the data plane knows'
    'explain:where a packet would go, and why'
    'capture:write live packets to a file, each with its verdict'
    'trace:show step by step what becomes of the next packets'
    'top:traffic of services and backends, each second'
    'replay:try a configuration on a capture, without a daemon'
    'completion:print a completion script'
  )
  options=(--socket --json --help --version)
  local i=2
  while ((i < CURRENT)); do
    case $words[i] in
      --socket) socket=(--socket "$words[i+1]"); ((i++)) ;;
      --limit | --service | --backend | --deadline | --config | --in | --out | --paths | --health | --down | --port | --write | -w | --count | --seconds | --snaplen | --interval)
        ((i++))
        ;;
      -*) ;;
      *) words_left+=("$words[i]") ;;
    esac
    ((i++))
  done
  names_of() { names=(${(f)"$(sluicectl $socket complete-names "$@" 2>/dev/null)"}) }

  case $words[CURRENT-1] in
    --socket | --config | --in | --paths | --health | --write | -w) _files; return ;;
    --out) [[ ${words_left[1]-} == replay ]] && _files; return ;;
    --service) names_of; compadd -a names; return ;;
    --limit | --backend | --deadline | --down | --port | --count | --seconds | --snaplen | --interval) return ;;
  esac
  if [[ $PREFIX == -* ]]; then
    case ${words_left[1]-} in
      counters) options+=(--all) ;;
      drain) options+=(--wait --deadline) ;;
      flows) options+=(--limit --service --backend) ;;
      capture) options+=(--write --out --count --seconds --snaplen) ;;
      trace) options+=(--count --seconds) ;;
      top) options+=(--once --interval) ;;
      replay) options=(--config --in --out --paths --health --down --port --json --each --explain --help) ;;
    esac
    compadd -a options
    return
  fi
  case ${words_left[1]-}:${#words_left} in
    :0) _describe command commands ;;
    backends:1 | drain:1 | enable:1 | weight:1) names_of; compadd -a names ;;
    drain:2 | enable:2 | weight:2) names_of "$words_left[2]"; compadd -a names ;;
    weight:3) compadd reset ;;
    check:1 | plan:1 | apply:1) _files ;;
    explain:1) compadd tcp udp ;;
    completion:1) compadd bash zsh fish ;;
  esac
}
if [[ $funcstack[1] == _sluicectl ]]; then
  _sluicectl "$@"
else
  compdef _sluicectl sluicectl
fi
