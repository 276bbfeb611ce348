"""Pages: access → form → service → render."""
