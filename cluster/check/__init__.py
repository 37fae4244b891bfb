"""What is wrong with a cluster's file before a cloud is asked, and what it will cost."""
