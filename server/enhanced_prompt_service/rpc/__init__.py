"""The face to the network: the only room of the server that knows grpc."""
