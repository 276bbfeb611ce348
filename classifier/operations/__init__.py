"""What whoever keeps an installation running waits for: backups, and finding what is wrong."""
