package enhancedprompt

import (
	"context"
	"crypto/rand"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "enhanced-prompt-service/clients/go/v1"
)

// Turn is a question and what came of it so far. Its methods are for the goroutine that reads.
type Turn struct {
	client *Client
	ctx    context.Context
	flow   *turnFlow
}

// Ask asks a question; reading Frames asks it. A request without request_id gets one, with which
// the turn is joined again. The context ends the reading; whether the turn itself then goes on is
// what on_disconnect says.
func (c *Client) Ask(ctx context.Context, request *pb.AskRequest) *Turn {
	asked := proto.CloneOf(request)
	if asked.GetRequestId() == "" {
		asked.RequestId = rand.Text()
	}
	flow := &turnFlow{
		request: asked, retry: c.options.Retry, reattach: c.options.Reattach, asks: true,
		conversation: asked.GetConversationId(),
	}
	return &Turn{client: c, ctx: ctx, flow: flow}
}

// Frames gives the turn's frames, up to the closing one, each once; use it once. A connection that
// breaks is not seen. Where a new attempt had to begin its first frame is a reset, which withdraws
// what came before, as text_withdrawn does with the text. The error, with a nil frame and last, is
// the turn's own after `failed`, a *StreamCut, what a call was refused with, or the context's.
func (t *Turn) Frames() iter.Seq2[*pb.TurnFrame, error] {
	return func(yield func(*pb.TurnFrame, error) bool) {
		for {
			err := t.read(yield)
			if err == errStopped {
				return
			}
			if t.ctx.Err() != nil && t.flow.closing == nil {
				yield(nil, t.ctx.Err())
				return
			}
			wait, again, err := t.flow.after(err)
			if err == nil && again {
				err = pause(t.ctx, wait)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !again {
				return
			}
		}
	}
}

// Text is the answer's text so far, without what was withdrawn.
func (t *Turn) Text() string { return t.flow.text.String() }

// Response is the answer once the turn has ended, of a cancelled turn what there was of it; nil
// before and where it failed.
func (t *Turn) Response() *pb.PromptResponse { return responseOf(t.flow.closing) }

// ID of the turn, "" before the first frame.
func (t *Turn) ID() string { return t.flow.turnID }

// ConversationID of the turn, "" while it is not known.
func (t *Turn) ConversationID() string { return t.flow.conversation }

// RequestID with which asking the same joins the turn.
func (t *Turn) RequestID() string { return t.flow.request.GetRequestId() }

func (t *Turn) read(yield func(*pb.TurnFrame, error) bool) error {
	take := func(raw *pb.TurnFrame) error {
		shown, err := t.flow.take(raw)
		for _, frame := range shown {
			if !yield(frame, nil) {
				return errStopped
			}
		}
		return err
	}
	stub := pb.NewPromptServiceClient(t.client)
	if watch := t.flow.watch(); watch != nil {
		return listen(t.ctx, t.client,
			func(ctx context.Context) (grpc.ServerStreamingClient[pb.WatchTurnResponse], error) {
				return stub.WatchTurn(ctx, watch)
			},
			func(m *pb.WatchTurnResponse) bool { return m.GetGoAway() != nil },
			func(m *pb.WatchTurnResponse) error { return take(m.GetTurn()) })
	}
	return listen(t.ctx, t.client,
		func(ctx context.Context) (grpc.ServerStreamingClient[pb.AskResponse], error) {
			return stub.Ask(ctx, t.flow.request)
		},
		func(m *pb.AskResponse) bool { return m.GetGoAway() != nil },
		func(m *pb.AskResponse) error { return take(m.GetTurn()) })
}
