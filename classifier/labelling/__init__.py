"""For staff who say what a picture is: labels, the review queue, disputes, imports of labelled collections."""
