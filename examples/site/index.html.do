# The front page: one line for each page, under the title of its text.
redo-ifchange pages.list
IFS='
'
set -f
# All at once, so that the pages are made side by side.
redo-ifchange template.html $(cat pages.list)

list() {
  echo '<h1>Redford, in pages</h1>'
  echo '<ul>'
  while IFS= read -r page; do
    title=$(sed -n 's/.*<h1>\(.*\)<\/h1>.*/\1/p' "$page" | sed q)
    printf '<li><a href="%s">%s</a></li>\n' "$page" "${title:-$page}"
  done <pages.list
  echo '</ul>'
}

while IFS= read -r line; do
  case $line in
    @BODY@) list ;;
    *@TITLE@*) printf '%s%s%s\n' "${line%%@TITLE@*}" Redford "${line#*@TITLE@}" ;;
    *@ROOT@*) printf '%s%s%s\n' "${line%%@ROOT@*}" . "${line#*@ROOT@}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <template.html
