// Drive runs this client as tests/clients_other wants it: a command a line on stdin, what came of
// it as lines on stdout. Messages are base64 of their bytes, decoded into the generated types and
// encoded again on the way.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	eps "enhanced-prompt-service/clients/go"
	pb "enhanced-prompt-service/clients/go/v1"
)

type command struct {
	Do       string   `json:"do"`
	Target   string   `json:"target"`
	Method   string   `json:"method"`
	Requests [][]byte `json:"requests"`
	Take     int      `json:"take"`
	Options  struct {
		Retry     int `json:"retry"`
		Reattach  int `json:"reattach"`
		FirstMS   int `json:"first_ms"`
		LongestMS int `json:"longest_ms"`
		SilenceMS int `json:"silence_ms"`
	} `json:"options"`
}

type end struct {
	Status   []byte         `json:"status"`
	Cut      map[string]any `json:"cut,omitempty"`
	Text     string         `json:"text"`
	TurnID   string         `json:"turn_id"`
	Response []byte         `json:"response"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var wanted command
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			panic(err)
		}
		ended := run(wanted)
		say(map[string]any{"end": ended})
	}
}

func run(wanted command) *end {
	ms := time.Millisecond
	options := eps.Options{Silence: time.Duration(wanted.Options.SilenceMS) * ms}
	if first := time.Duration(wanted.Options.FirstMS) * ms; first > 0 {
		longest := time.Duration(wanted.Options.LongestMS) * ms
		options.Retry = eps.Retry{Attempts: wanted.Options.Retry, First: first, Longest: longest}
		options.Reattach = eps.Retry{Attempts: wanted.Options.Reattach, First: first, Longest: longest}
	}
	client, err := eps.Dial(wanted.Target, options)
	if err != nil {
		panic(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch wanted.Do {
	case "ask":
		return ask(ctx, client, wanted)
	case "insights":
		return insights(ctx, client, wanted)
	default:
		return call(ctx, client, wanted)
	}
}

func ask(ctx context.Context, client *eps.Client, wanted command) *end {
	request := &pb.AskRequest{}
	decode(wanted.Requests[0], request)
	turn := client.Ask(ctx, request)
	var ended error
	seen := 0
	for frame, err := range turn.Frames() {
		if err != nil {
			ended = err
			break
		}
		say(map[string]any{"message": encode(frame)})
		if seen++; seen == wanted.Take {
			break
		}
	}
	result := failed(ended)
	result.Text, result.TurnID = turn.Text(), turn.ID()
	if response := turn.Response(); response != nil {
		result.Response = encode(response)
	}
	return result
}

func insights(ctx context.Context, client *eps.Client, wanted command) *end {
	request := &pb.SubscribeInsightsRequest{}
	decode(wanted.Requests[0], request)
	seen := 0
	for update, err := range client.SubscribeInsights(ctx, request) {
		if err != nil {
			return failed(err)
		}
		if update.Revision == nil {
			say(map[string]any{"token": update.ResumeToken})
			continue
		}
		say(map[string]any{"message": encode(update.Revision), "token": update.ResumeToken})
		if seen++; seen == wanted.Take {
			break
		}
	}
	return failed(nil)
}

// call makes one call of any kind through the generated types.
func call(ctx context.Context, client *eps.Client, wanted command) *end {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	name := protoreflect.FullName(strings.ReplaceAll(wanted.Method, "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		panic(err)
	}
	method := found.(protoreflect.MethodDescriptor)
	kind := &grpc.StreamDesc{
		ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer(),
	}
	stream, err := client.NewStream(ctx, kind, "/"+wanted.Method)
	if err != nil {
		return failed(err)
	}
	for _, raw := range wanted.Requests {
		request := made(method.Input())
		decode(raw, request)
		if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
			return failed(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return failed(err)
	}
	for seen := 0; ; {
		answer := made(method.Output())
		if err := stream.RecvMsg(answer); errors.Is(err, io.EOF) {
			return failed(nil)
		} else if err != nil {
			return failed(err)
		}
		say(map[string]any{"message": encode(answer)})
		if seen++; seen == wanted.Take || !method.IsStreamingServer() {
			return failed(nil)
		}
	}
}

func made(of protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		panic(err)
	}
	return kind.New().Interface()
}

func failed(err error) *end {
	result := &end{}
	var cut *eps.StreamCut
	if errors.As(err, &cut) {
		result.Cut = map[string]any{
			"turn_id": cut.TurnID, "attempt": cut.Attempt, "last_sequence": cut.LastSequence,
			"request_id": cut.RequestID, "message": cut.Error(),
		}
		err = status.Error(codes.Unavailable, cut.Error())
	}
	result.Status = encode(status.Convert(err).Proto())
	return result
}

func decode(raw []byte, into proto.Message) {
	if err := proto.Unmarshal(raw, into); err != nil {
		panic(err)
	}
}

func encode(message proto.Message) []byte {
	raw, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return raw
}

func say(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}
