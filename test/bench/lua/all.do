redo-ifchange lua luac
