rm -rf out index.html pages.list
