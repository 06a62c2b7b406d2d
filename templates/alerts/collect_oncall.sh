list() {  # every page of one list
  page=1; between='['
  while :; do
    answer=$(curl -fsS -H "Authorization: $TOKEN" "$ONCALL/api/v1/$1/?page=$page") || return 1
    printf '%s%s' "$between" "$answer"; between=','
    case $answer in *'"next":null'*) break ;; esac
    page=$((page + 1))
  done
  printf ']'
}
collect() {
  between='{'
  for name in escalation_chains escalation_policies users schedules teams user_groups webhooks; do
    found=$(list "$name") || return 1
    printf '%s"%s":%s' "$between" "$name" "$found"; between=','
  done
  printf '}\n'
}
collect > oncall.json
