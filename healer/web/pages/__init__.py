"""The pages for people: one file each, plain HTML that needs no script. They show the same views as the JSON."""
