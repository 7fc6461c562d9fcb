"""What a shell has to be told to complete ``metaflow ...``, ``./flow.py ...`` and ``python flow.py ...``."""

from __future__ import annotations

_BASH = r"""# Completion of `metaflow ...`, `./flow.py ...` and `python flow.py ...` in bash.
# In ~/.bashrc:  eval "$(metaflow completion bash)"

# Ask for candidates: the position of the current word, the number of words of the command that knows them, that
# command, and the words of the line.
_metaflow_ask() {
    local position=$1 length=$2 index=0 word type value
    local -a answering=("${@:3:length}") line=()
    shift $((2 + length))
    for word; do  # bash takes `--option=value` for three words
        if [[ $word != = || $index -eq 0 || ${line[-1]} != --* ]]; then
            line+=("$word")
        elif ((index == position)); then
            line+=('')
        else
            ((position--, index--))
        fi
        ((++index))
    done
    local IFS=' '
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                if [[ $value == */ ]]; then compopt -o nospace; fi
                ;;
        esac
    done < <(
        COMP_WORDS="${line[*]}" COMP_CWORD=$position _METAFLOW_COMPLETE=bash_complete "${answering[@]}" 2>/dev/null
    )
}

_metaflow() {
    _metaflow_ask "$COMP_CWORD" 1 "$1" "${COMP_WORDS[@]}"
}

_metaflow_python() {
    local index
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            -c | -m) return ;;
            *.py)
                _metaflow_ask $((COMP_CWORD - index)) 3 "$1" -m metaflow "${COMP_WORDS[@]:index}"
                return
                ;;
        esac
    done
}

_metaflow_script() {
    local line
    local -a interpreter
    IFS= read -r line < "$1"
    if [[ $line == '#!'*python* ]]; then
        read -r -a interpreter <<< "${line#'#!'}"
        _metaflow_ask "$COMP_CWORD" $((${#interpreter[@]} + 2)) "${interpreter[@]}" -m metaflow "${COMP_WORDS[@]}"
    fi
}

# Scripts have names that nobody knows beforehand: they are met when the shell has no completion for a command.
_metaflow_default() {
    if [[ $1 == *.py && -f $1 ]]; then
        complete -o nosort -o bashdefault -o default -F _metaflow_script -- "$1"
        return 124
    fi
    if [[ -n ${_metaflow_former_default-} ]]; then
        "$_metaflow_former_default" "$@"
    fi
}

if [[ $(complete -p -D 2>/dev/null) =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _metaflow_default ]]; then
    _metaflow_former_default=${BASH_REMATCH[1]}
fi
complete -o nosort -F _metaflow metaflow
complete -o nosort -o bashdefault -o default -F _metaflow_python python python3
complete -D -o bashdefault -o default -F _metaflow_default
"""

_ZSH = r"""#compdef metaflow
# Completion of `metaflow ...`, `./flow.py ...` and `python flow.py ...` in zsh.
# In ~/.zshrc, after compinit:  eval "$(metaflow completion zsh)"

# Ask for candidates: the position of the current word, counted from 0, the words of the line, and the command that
# knows them.
_metaflow_ask() {
    local position=$1 line=$2 type value description option
    shift 2
    [[ $PREFIX == --*=* ]] && option=${PREFIX%%=*}=
    local -a answer plain described unfinished
    answer=("${(@f)$(COMP_WORDS=$line COMP_CWORD=$position _METAFLOW_COMPLETE=zsh_complete "$@" 2>/dev/null)}")
    for type value description in "${answer[@]}"; do
        case $type in
            dir) compset -P '*='; _path_files -/ ;;
            file) compset -P '*='; _path_files -f ;;
            plain)
                value=$option$value
                if [[ $value == */ ]]; then
                    unfinished+=("$value")
                elif [[ $description == _ ]]; then
                    plain+=("$value")
                else
                    described+=("${value//:/\\:}:$description")
                fi
                ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#unfinished )) && compadd -U -V unsorted -S '' -a unfinished
    [[ -n $answer ]]
}

_metaflow() {
    _metaflow_ask $((CURRENT - 1)) "${words[*]}" "${words[1]}"
}

_metaflow_python() {
    local index
    for ((index = 2; index < CURRENT; index++)); do
        case ${words[index]} in
            -c | -m) break ;;
            *.py)
                _metaflow_ask $((CURRENT - index)) "${words[index,-1]}" "${words[1]}" -m metaflow && return
                break
                ;;
        esac
    done
    if (( $+functions[_python] )) || autoload -Uz +X _python 2>/dev/null; then _python "$@"; else _files; fi
}

_metaflow_script() {
    local line
    IFS= read -r line < "${words[1]}"
    if [[ $line == '#!'*python* ]]; then
        _metaflow_ask $((CURRENT - 1)) "${words[*]}" ${=line#'#!'} -m metaflow && return
    fi
    _files
}

compdef _metaflow metaflow
compdef _metaflow_python python python3
compdef -P _metaflow_script '*.py'
"""

_FISH = r"""# Completion of `metaflow ...`, `./flow.py ...` and `python flow.py ...` in fish.
# In ~/.config/fish/config.fish:  metaflow completion fish | source

# Print candidates: the words of the line up to the current one, and after `--` the command that knows them.
function _metaflow_ask
    set -l separator (contains -i -- -- $argv)
    set -l line (string join ' ' -- (string escape -- $argv[1..(math $separator - 1)]))
    set -l answering $argv[(math $separator + 1)..]
    set -lx COMP_WORDS "$line "(commandline -ct)
    set -lx COMP_CWORD (commandline -ct)
    set -lx _METAFLOW_COMPLETE fish_complete
    set -l option (string match -r -- '^--[^=]*=' (commandline -ct))
    for candidate in ($answering 2>/dev/null)
        set -l parts (string split -m 1 , -- $candidate)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case plain
                echo "$option$parts[2]"
        end
    end
end

# Print the words of the line from the flow's file on; fail if there is none.
function _metaflow_flow_words
    set -l words (commandline -opc)
    for index in (seq 2 (count $words))
        switch $words[$index]
            case -c -m
                return 1
            case '*.py'
                printf '%s\n' $words[$index..]
                return 0
        end
    end
    return 1
end

function _metaflow_python
    set -l python (commandline -opc)[1]
    _metaflow_ask (_metaflow_flow_words) -- $python -m metaflow
end

function _metaflow_script
    set -l words (commandline -opc)
    read -l line < $words[1]
    if string match -q '#!*python*' -- $line
        _metaflow_ask $words -- (string split ' ' -- (string replace -r '^#! *' '' -- $line)) -m metaflow
    end
end

complete -c metaflow --no-files -k -a '(_metaflow_ask (commandline -opc) -- metaflow)'
complete -c python -c python3 -n '_metaflow_flow_words >/dev/null' --no-files -k -a '(_metaflow_python)'
complete -p '*.py' --no-files -k -a '(_metaflow_script)'
"""

#: Shell -> script that it should read when it starts.
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
