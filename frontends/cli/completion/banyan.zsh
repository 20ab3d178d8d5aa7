#compdef banyan
# banyan.zsh - zsh's completion of `banyan`: the command itself knows the words
# SPDX-License-Identifier: LGPL-2.1-or-later

_banyan ()
{
  local -a found
  local line wants_files=

  for line in "${(@f)$(banyan complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      wants_files=1
    elif [[ -n $line ]]; then
      found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    fi
  done

  [[ -n $wants_files ]] && _files
  (( $#found )) && _describe banyan found
}

_banyan "$@"
