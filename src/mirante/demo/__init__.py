"""The demonstration on all flights that left New York in 2013."""
