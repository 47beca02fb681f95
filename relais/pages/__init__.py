"""Pages and mails: templates, styles and words in French and English. Views come in, text goes out; nothing is decided here."""
