"""What `make bench` runs: the service beside what people use today, on the same documents."""
