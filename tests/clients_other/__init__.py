"""The clients in Go, TypeScript and Java, built here and run against real servers."""
