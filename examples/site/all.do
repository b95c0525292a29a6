redo-ifchange index.html
