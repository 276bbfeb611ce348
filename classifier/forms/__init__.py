"""What people may send, checked at the door."""
