"""What tests share: needs of the system, private servers, free ports."""
