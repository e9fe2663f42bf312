# Completion of sluicectl for fish: sluicectl completion fish | source
function __sluicectl_words --description 'the command and its arguments, without options'
    set -l skip no
    for word in (commandline -opc)[2..]
        if test $skip = yes
            set skip no
        else if contains -- $word --socket --limit --service --backend --deadline --config --in --out --paths --health --down --port --write -w --count --seconds --snaplen --interval
            set skip yes
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end
function __sluicectl_at --description 'whether the word to complete is number argv[1] of a command in argv[2..]'
    set -l words (__sluicectl_words)
    test (count $words) -eq $argv[1]; or return 1
    test $argv[1] -eq 0; or contains -- $words[1] $argv[2..]
end
function __sluicectl_names
    set -l socket
    set -l words (commandline -opc)
    if set -l at (contains -i -- --socket $words)
        set socket --socket $words[(math $at + 1)]
    end
    sluicectl $socket complete-names $argv 2>/dev/null
end

complete -c sluicectl -f
complete -c sluicectl -l socket -r -F -d 'control socket of sluiced'
complete -c sluicectl -l json -d 'print the answer as JSON'
complete -c sluicectl -l version -d 'print the version'
complete -c sluicectl -l help -d 'print help'
complete -c sluicectl -n '__sluicectl_at 0' -a status -d 'is everything as it should be'
complete -c sluicectl -n '__sluicectl_at 0' -a services -d 'services with their listeners and traffic'
complete -c sluicectl -n '__sluicectl_at 0' -a backends -d 'backends with health, weight and share'
complete -c sluicectl -n '__sluicectl_at 0' -a check -d 'look for errors in a configuration file'
complete -c sluicectl -n '__sluicectl_at 0' -a plan -d 'show what a configuration file would change'
complete -c sluicectl -n '__sluicectl_at 0' -a apply -d 'put a configuration file in force'
complete -c sluicectl -n '__sluicectl_at 0' -a drain -d 'let a backend take no new flows'
complete -c sluicectl -n '__sluicectl_at 0' -a enable -d 'let a backend take new flows again'
complete -c sluicectl -n '__sluicectl_at 0' -a weight -d 'set or reset the weight of a backend'
complete -c sluicectl -n '__sluicectl_at 0' -a counters -d 'what became of packets'
complete -c sluicectl -n '__sluicectl_at 0' -a flows -d 'flows that the data plane knows'
complete -c sluicectl -n '__sluicectl_at 0' -a explain -d 'where a packet would go, and why'
complete -c sluicectl -n '__sluicectl_at 0' -a capture -d 'write live packets to a file, each with its verdict'
complete -c sluicectl -n '__sluicectl_at 0' -a trace -d 'show step by step what becomes of the next packets'
complete -c sluicectl -n '__sluicectl_at 0' -a top -d 'traffic of services and backends, each second'
complete -c sluicectl -n '__sluicectl_at 0' -a replay -d 'try a configuration on a capture, without a daemon'
complete -c sluicectl -n '__sluicectl_at 0' -a completion -d 'print a completion script'
complete -c sluicectl -n '__sluicectl_at 1 backends drain enable weight' -a '(__sluicectl_names)'
complete -c sluicectl -n '__sluicectl_at 2 drain enable weight' -a '(__sluicectl_names (__sluicectl_words)[2])'
complete -c sluicectl -n '__sluicectl_at 3 weight' -a reset
complete -c sluicectl -n '__sluicectl_at 1 check plan apply' -F
complete -c sluicectl -n '__sluicectl_at 1 explain' -a 'tcp udp'
complete -c sluicectl -n '__sluicectl_at 1 completion' -a 'bash zsh fish'
complete -c sluicectl -n '__fish_seen_subcommand_from counters' -l all -d 'those that are zero too'
complete -c sluicectl -n '__fish_seen_subcommand_from drain' -l wait -d 'until no flow is left'
complete -c sluicectl -n '__fish_seen_subcommand_from drain' -l deadline -x -d 'wait at most so long'
complete -c sluicectl -n '__fish_seen_subcommand_from capture' -s w -l write -r -F -d 'a pcapng file; - is standard output'
complete -c sluicectl -n '__fish_seen_subcommand_from capture' -l out -d 'each packet as it goes out too'
complete -c sluicectl -n '__fish_seen_subcommand_from capture' -l snaplen -x -d 'bytes of each packet'
complete -c sluicectl -n '__fish_seen_subcommand_from capture trace' -l count -x -d 'end after so many packets'
complete -c sluicectl -n '__fish_seen_subcommand_from capture trace' -l seconds -x -d 'end after so long'
complete -c sluicectl -n '__fish_seen_subcommand_from top' -l once -d 'show it once and end'
complete -c sluicectl -n '__fish_seen_subcommand_from top' -l interval -x -d 'seconds between two looks'
complete -c sluicectl -n '__fish_seen_subcommand_from flows' -l limit -x -d 'at most so many'
complete -c sluicectl -n '__fish_seen_subcommand_from flows' -l service -x -a '(__sluicectl_names)'
complete -c sluicectl -n '__fish_seen_subcommand_from flows' -l backend -x
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l config -r -F -d 'the configuration file'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l in -r -F -d 'the capture'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l out -r -F -d 'a capture of what would be sent'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l paths -r -F -d 'next hops'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l health -r -F -d 'states of backends'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l down -x -d 'SERVICE/BACKEND that is down'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l port -x -d 'the port that packets come in by'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l each -d 'one record for each packet'
complete -c sluicectl -n '__fish_seen_subcommand_from replay' -l explain -d 'with the steps in words'
