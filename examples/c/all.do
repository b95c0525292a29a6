if command -v cc >/dev/null; then
  redo-ifchange hello
else
  echo 'no C compiler (cc) here: skipped' >&2
fi
