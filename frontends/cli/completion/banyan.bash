# banyan.bash - bash's completion of `banyan`: the command itself knows the words
# SPDX-License-Identifier: LGPL-2.1-or-later

_banyan ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD line
  # Keeps words with '=' and ':' in one piece, where bash-completion is there.
  declare -F _get_comp_words_by_ref >/dev/null && _get_comp_words_by_ref -n =: cur words cword

  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = :files ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done < <(banyan complete "${words[@]:1:cword}" 2>/dev/null)
  # Readline itself keeps what stands before a ':', as in an edge's path.
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
  return 0
}

complete -F _banyan banyan
