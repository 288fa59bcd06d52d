package enhancedprompt

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Domain of the reasons in a status of this service.
const Domain = "enhanced-prompt.v1"

const draining = "DRAINING"

// StreamCut says that a turn's stream ended without its closing frame and could not be continued.
// Asking again with RequestID joins the turn.
type StreamCut struct {
	TurnID       string
	RequestID    string
	Attempt      int32
	LastSequence int64
	Why          string
	Err          error
}

func (c *StreamCut) Error() string {
	text := fmt.Sprintf("the stream of turn %q was cut: %s", c.TurnID, c.Why)
	if c.Err != nil {
		text += " (" + c.Err.Error() + ")"
	}
	return text
}

// Unwrap is what the last stream ended with; nil for OK.
func (c *StreamCut) Unwrap() error { return c.Err }

// Reason is the name of the ErrorReason in an error of a call, without its prefix; "" where the
// service gave none, as when it was not reached.
func Reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason()
		}
	}
	return ""
}

// RetryAfter is how long the service asks to wait; 0 where it did not say.
func RetryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// retryable says that repeating a call may help and does no harm.
func retryable(err error) bool {
	var cut *StreamCut
	if errors.As(err, &cut) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable:
		return true
	case codes.Aborted: // a stopping server gave the call up
		return Reason(err) == "CANCELLED"
	case codes.Canceled: // not by us, who would have said so: it crossed a server's farewell
		return Reason(err) == ""
	default:
		return false
	}
}

// broken says that an error looks like a connection that broke, when no server said why.
func broken(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Unknown, codes.Internal, codes.Canceled:
		return Reason(err) == ""
	default:
		return false
	}
}
