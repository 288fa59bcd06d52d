// Example: ask a question and see the answer as it is written, or follow what is unusual.
//
//	go run ./cmd/example ask "what happened today?"
//	go run ./cmd/example insights -keep place.txt
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	eps "enhanced-prompt-service/clients/go"
	pb "enhanced-prompt-service/clients/go/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) < 2 {
		fail(errors.New("usage: example ask [-target HOST:PORT] QUESTION | insights [-keep FILE]"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	target := flags.String("target", "127.0.0.1:50051", "the service's address")
	keep := flags.String("keep", "", "a file for the place that was reached")
	all := flags.Bool("all", false, "begin with the oldest insight, where no place is kept")
	_ = flags.Parse(os.Args[2:])
	client, err := eps.Dial(*target, eps.Options{})
	if err != nil {
		fail(err)
	}
	defer client.Close()
	if os.Args[1] == "insights" {
		err = follow(ctx, client, *keep, *all)
	} else {
		err = ask(ctx, client, strings.Join(flags.Args(), " "))
	}
	if err != nil && ctx.Err() == nil {
		fail(err)
	}
}

func ask(ctx context.Context, client *eps.Client, question string) error {
	turn := client.Ask(ctx, &pb.AskRequest{Query: question})
	for frame, err := range turn.Frames() {
		switch {
		case err != nil:
			return err
		case frame.GetTextDelta() != nil:
			fmt.Print(frame.GetTextDelta().GetText())
		case frame.GetReset_() != nil || frame.GetTextWithdrawn() != nil:
			fmt.Print("\n\n") // what was printed does not count; the answer begins again
		}
	}
	fmt.Printf("\n(%d events match)\n", turn.Response().GetTotalMatches())
	return nil
}

func follow(ctx context.Context, client *eps.Client, keep string, all bool) error {
	request := &pb.SubscribeInsightsRequest{} // from now on
	if token, err := os.ReadFile(keep); err == nil {
		request.Start = &pb.SubscribeInsightsRequest_ResumeToken{ResumeToken: string(token)}
	} else if all {
		request.Start = &pb.SubscribeInsightsRequest_StartTime{StartTime: &timestamppb.Timestamp{}}
	}
	for update, err := range client.SubscribeInsights(ctx, request) {
		if err != nil {
			return err
		}
		if revision := update.Revision; revision != nil {
			insight := revision.GetInsight()
			fmt.Printf("%d %s %s %s\n", revision.GetPosition(), revision.GetChange(),
				insight.GetSeverity(), insight.GetTitle())
		}
		if keep != "" {
			if err := replace(keep, update.ResumeToken); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace writes a file that is whole at any time.
func replace(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
