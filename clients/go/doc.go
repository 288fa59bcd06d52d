// Package enhancedprompt asks what cameras saw and follows what is unusual, over gRPC.
//
// Client connects; Ask streams a turn and SubscribeInsights follows the log of insights. Both go on
// by themselves after a cut, a restart of the service or its go_away: their caller sees each frame
// and each entry once and in order. Every other RPC is called through the generated stubs, with a
// Client as their connection:
//
//	client, err := enhancedprompt.Dial("127.0.0.1:50051", enhancedprompt.Options{})
//	turn := client.Ask(ctx, &pb.AskRequest{Query: "what happened today?"})
//	for frame, err := range turn.Frames() { ... }
//	cameras, err := pb.NewEventServiceClient(client).ListCameras(ctx, &pb.ListCamerasRequest{})
//
// The stubs in v1 are generated from protos/ (`make gen`) and never edited.
package enhancedprompt
