# bash completion for bulkhead(1)                                              -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

_bulkhead_networks() {
    local pin
    for pin in /sys/fs/bpf/bulkhead/*/; do
        [ -d "$pin" ] && basename "$pin"
    done
}

# NETWORK-WORKLOAD is how a workload's namespace is called.
_bulkhead_workloads() {
    local network namespace
    for network in $(_bulkhead_networks); do
        for namespace in /run/netns/"$network"-*; do
            namespace=${namespace##*/"$network"-}
            case $namespace in hub | '*') ;; *) printf '%s\n' "$namespace" "$network/$namespace" ;; esac
        done
    done
}

# What is there of folders and of files with this ending.
_bulkhead_files() {
    local word=$1 ending=$2
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -f -X "!*.$ending" -- "$word")
}

_bulkhead() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]-} at options
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "check fmt why matrix diff up apply confirm down exec status flows top agent schema waf
            --help --version" -- "$word")
        return
    fi
    if [ "$verb" = exec ]; then
        for ((at = 2; at < COMP_CWORD; at++)); do
            if [ "${COMP_WORDS[at]}" = -- ]; then
                # From here on it is somebody else's command line.
                if declare -F _command_offset >/dev/null; then
                    _command_offset $((at + 1))
                else
                    mapfile -t COMPREPLY < <(compgen -c -- "$word")
                fi
                return
            fi
        done
    fi
    case $before in
        --flows | --pcap | --policy) compopt -o default 2>/dev/null; return ;;
        --user) mapfile -t COMPREPLY < <(compgen -u -- "$word"); return ;;
        --confirm) mapfile -t COMPREPLY < <(compgen -W "30s 60s 5m" -- "$word"); return ;;
        --rules | --request | --response | --old | --new | --requests | --cache | --old-cache | --new-cache) compopt -o default 2>/dev/null; return ;;
        --every | -d) mapfile -t COMPREPLY < <(compgen -W "1s 2s 10s" -- "$word"); return ;;
        --from | --to | --port | --at | --flow) return ;;
    esac
    case $verb in
        why) options="--from --to --port --at --batch --live --flow --json" ;;
        fmt) options="--write --check --force" ;;
        schema) options="" ;;
        matrix) options="--live --dot --at --json" ;;
        diff) options="--flows --at --json" ;;
        up) options="--foreground --json" ;;
        apply) options="--confirm --json" ;;
        exec) options="--user --" ;;
        status) options="--contents --json" ;;
        flows) options="-f --follow --suggest --pcap --json" ;;
        agent) options="--policy" ;;
        top) options="-d --every --addresses --all --json" ;;
        *) options="--json" ;;
    esac
    if [ "$verb" = waf ]; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W "check explain inspect replay --help" -- "$word")
            return
        fi
        case ${COMP_WORDS[2]} in
            explain) options="--rules --json" ;;
            inspect) options="--rules --request --response --suggest --profile --batch --cache --json" ;;
            replay) options="--old --new --old-cache --new-cache --requests --json" ;;
        esac
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
        return
    fi
    case $verb in
        waf) _bulkhead_files "$word" conf ;;
        check | fmt | why | matrix | diff | up | apply) _bulkhead_files "$word" yaml ;;
        down | confirm | status | flows | top | agent) mapfile -t COMPREPLY < <(compgen -W "$(_bulkhead_networks)" -- "$word") ;;
        exec) mapfile -t COMPREPLY < <(compgen -W "$(_bulkhead_workloads)" -- "$word") ;;
    esac
}

complete -F _bulkhead bulkhead
