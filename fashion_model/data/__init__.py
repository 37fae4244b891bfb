"""Files -> images that are proven to be the right ones -> train and validation splits; the test set apart."""
