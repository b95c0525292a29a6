# The pages of the site: one for each of the project's Markdown files. Which files there are is looked at every time,
# but only a list that differs makes anything else run.
redo-always
cd ../..
for source in README.md docs/*.md docs/*/*.md examples/site/pages/*.md; do
  if [ -e "$source" ]; then echo "out/${source%.md}.html"; fi
done
