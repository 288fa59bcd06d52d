package enhancedprompt

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "enhanced-prompt-service/clients/go/v1"
)

// errStopped: whoever reads wants no more.
var errStopped = errors.New("the reader stopped")

// Update is one message of the log of insights. Revision is nil where only the place moved: kept
// while nothing happens, a token does not grow old.
type Update struct {
	Revision *pb.InsightRevision

	// ResumeToken is the place after it. Kept in the same commit as what was done with the entry,
	// it gives each entry exactly once.
	ResumeToken string
}

// insightFlow is where a subscription stands, without any input or output.
type insightFlow struct {
	request  *pb.SubscribeInsightsRequest
	retry    Retry
	reattach Retry
	failed   int
	// Where nothing was ever heard, a server that is not there is the caller's to know of.
	patient bool
}

func (f *insightFlow) take(message *pb.SubscribeInsightsResponse) Update {
	f.failed, f.patient = 0, true
	token := message.GetResumeToken()
	f.request.Start = &pb.SubscribeInsightsRequest_ResumeToken{ResumeToken: token}
	return Update{Revision: message.GetRevision(), ResumeToken: token}
}

// wait until the next attempt; `err` is nil where the server ended the stream well. Returns the
// error where it says that another attempt is in vain.
func (f *insightFlow) wait(err error) (time.Duration, error) {
	f.failed++
	if err != nil && !broken(err) && !retryable(err) {
		return 0, err
	}
	if err != nil && !f.patient {
		wait, again := f.retry.wait(f.failed, RetryAfter(err))
		if !again {
			return 0, err
		}
		return wait, nil
	}
	return max(f.reattach.draw(f.failed), RetryAfter(err)), nil
}

// SubscribeInsights follows the log of insights from the place that the request names, until the
// context ends or the loop is left. Cuts and restarts of the service are survived: the next stream
// goes on behind the last message. The error, last, says that the place is not kept any more
// (CURSOR_OUT_OF_RANGE, SUBSCRIBER_TOO_SLOW), that no server was ever there, or is the context's.
func (c *Client) SubscribeInsights(
	ctx context.Context, request *pb.SubscribeInsightsRequest,
) iter.Seq2[Update, error] {
	flow := &insightFlow{
		request: proto.CloneOf(request), retry: c.options.Retry, reattach: c.options.Reattach,
		patient: request.GetResumeToken() != "",
	}
	stub := pb.NewInsightServiceClient(c)
	return func(yield func(Update, error) bool) {
		for {
			err := listen(ctx, c,
				func(ctx context.Context) (
					grpc.ServerStreamingClient[pb.SubscribeInsightsResponse], error,
				) {
					return stub.SubscribeInsights(ctx, flow.request)
				},
				func(m *pb.SubscribeInsightsResponse) bool { return m.GetGoAway() != nil },
				func(m *pb.SubscribeInsightsResponse) error {
					if !yield(flow.take(m), nil) {
						return errStopped
					}
					return nil
				})
			if err == errStopped {
				return
			}
			wait, err := flow.wait(err)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err == nil {
				err = pause(ctx, wait)
			}
			if err != nil {
				yield(Update{}, err)
				return
			}
		}
	}
}
