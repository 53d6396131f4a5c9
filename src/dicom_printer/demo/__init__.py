"""What `dicom-printer demo` starts on this machine, and the tests with it."""
