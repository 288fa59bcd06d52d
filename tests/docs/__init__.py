"""Tests that hold the documents to what is true."""
