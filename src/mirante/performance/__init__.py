"""What a model was worth: measured once the labels are in."""
