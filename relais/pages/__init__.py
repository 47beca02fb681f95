"""Pages and mails in French and English. Views come in, text goes out; nothing is decided here."""
