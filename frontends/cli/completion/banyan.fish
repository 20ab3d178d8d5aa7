# banyan.fish - fish's completion of `banyan`: the command itself knows the words
# SPDX-License-Identifier: LGPL-2.1-or-later

function __banyan_lines
    set -l words (commandline -opc) "$(commandline -ct)"
    banyan complete $words[2..-1] 2>/dev/null
end

function __banyan_words
    __banyan_lines | string match -v :files
end

function __banyan_wants_files
    __banyan_lines | string match -q :files
end

complete -c banyan -f -a '(__banyan_words)'
complete -c banyan -n __banyan_wants_files -F
