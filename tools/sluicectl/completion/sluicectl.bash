# Completion of sluicectl for bash: source <(sluicectl completion bash)
_sluicectl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='status services backends check plan apply drain enable weight counters flows explain capture trace top replay completion'
  local options='--socket --json --help --version'
  local replay='--config --in --out --paths --health --down --port --json --each --explain --help'
  local socket=() words=() word i

  # The command and its arguments, without options.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --socket) socket=(--socket "${COMP_WORDS[i + 1]}"); ((i++)) ;;
      --limit | --service | --backend | --deadline | --config | --in | --out | --paths | --health | --down | --port | --write | -w | --count | --seconds | --snaplen | --interval)
        ((i++))
        ;;
      -*) ;;
      *) words+=("$word") ;;
    esac
  done
  names() { sluicectl "${socket[@]}" complete-names "$@" 2>/dev/null; }

  local choices=
  case $previous in
    --socket | --config | --in | --paths | --health | --write | -w) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --service) choices=$(names) ;;
    --out)
      if [[ ${words[0]-} == replay ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
      return
      ;;
    --limit | --backend | --deadline | --down | --port | --count | --seconds | --snaplen | --interval) return ;;
    *)
      case ${words[0]-}:${#words[@]} in
        :0) choices="$commands $options" ;;
        backends:1 | drain:1 | enable:1 | weight:1) choices=$(names) ;;
        drain:2 | enable:2 | weight:2) choices=$(names "${words[1]}") ;;
        weight:3) choices=reset ;;
        check:1 | plan:1 | apply:1)
          mapfile -t COMPREPLY < <(compgen -f -- "$current")
          compopt -o filenames
          return
          ;;
        counters:*) choices='--all' ;;
        drain:*) choices='--wait --deadline' ;;
        flows:*) choices='--limit --service --backend' ;;
        explain:1) choices='tcp udp' ;;
        capture:*) options='--write --out --count --seconds --snaplen' ;;
        trace:*) options='--count --seconds --json' ;;
        top:*) options='--once --interval --json' ;;
        completion:1) choices='bash zsh fish' ;;
        replay:*) options=$replay ;;
      esac
      if [[ $current == -* ]]; then choices+=" $options"; fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
}
complete -F _sluicectl sluicectl
