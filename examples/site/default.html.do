# out/P.html: the template around the body of P, and in it the bodies it includes.
redo-ifchange template.html "$2.body"

# What a page includes is known only now. `x.md` is named as seen from the page; names are split at newlines only.
folder=${2%/*}
includes=$(sed -n "s|^<!-- include: \(.*\)\.md -->\$|$folder/\1.body|p" "$2.body")
IFS='
'
set -f
if [ -n "$includes" ]; then redo-ifchange $includes; fi

# $1: the body to print, with its includes in their places.
body() {
  while IFS= read -r line; do
    case $line in
      '<!-- include: '*'.md -->')
        name=${line#'<!-- include: '}
        cat "$folder/${name%.md -->}.body"
        ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <"$1"
}

title=$(sed -n 's/.*<h1>\(.*\)<\/h1>.*/\1/p' "$2.body" | sed 's/<[^>]*>//g; q')
# As many folders up as the page is deep, to the front page.
root=$(printf '%s\n' "$folder" | sed 's/[^/][^/]*/../g')

while IFS= read -r line; do
  case $line in
    @BODY@) body "$2.body" ;;
    *@TITLE@*) printf '%s%s%s\n' "${line%%@TITLE@*}" "$title" "${line#*@TITLE@}" ;;
    *@ROOT@*) printf '%s%s%s\n' "${line%%@ROOT@*}" "$root" "${line#*@ROOT@}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <template.html
