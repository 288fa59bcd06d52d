package enhancedprompt

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "enhanced-prompt-service/clients/go/v1"
)

// turnFlow reads a turn without any input or output: what to call, what a frame means, when to
// stop. The rules are those of clients/python (_turn.py):
//
//	before the first frame    Ask again, with the same request_id
//	after it                  WatchTurn from the last sequence; on NOT_FOUND Ask again
//	its runner went away      Ask again: that runs the next attempt, which begins with a reset
type turnFlow struct {
	request  *pb.AskRequest
	retry    Retry
	reattach Retry

	asks  bool // whether the next call is Ask
	tries int
	gone  *pb.TurnFailed
	runs  int // attempts whose runner went away

	turnID       string
	conversation string
	attempt      int32
	lastSequence int64
	closing      *pb.TurnFrame
	text         strings.Builder
}

// watch is the request of WatchTurn, nil where Ask is to be called.
func (f *turnFlow) watch() *pb.WatchTurnRequest {
	f.tries++
	if f.asks {
		return nil
	}
	return &pb.WatchTurnRequest{
		TurnId:        f.turnID,
		Attempt:       f.attempt,
		AfterSequence: f.lastSequence,
		Detail:        f.request.GetDetail(),
		FrameKinds:    f.request.GetFrameKinds(),
	}
}

// take gives the frames to show for one that came: mostly itself, none for what was seen before.
// The error is a StreamCut where a frame is missing.
func (f *turnFlow) take(raw *pb.TurnFrame) ([]*pb.TurnFrame, error) {
	if raw == nil || f.closing != nil || f.gone != nil {
		return nil, nil
	}
	var shown []*pb.TurnFrame
	if f.turnID != "" && raw.GetTurnId() != f.turnID {
		shown = append(shown, f.anew(raw))
	}
	f.turnID = raw.GetTurnId()
	if raw.GetSequence() != 0 {
		fresh, err := f.follows(raw)
		if err != nil || !fresh {
			return shown, err
		}
	}
	tries := f.tries
	f.tries = 0
	switch payload := raw.GetPayload().(type) {
	case *pb.TurnFrame_Started:
		f.conversation = payload.Started.GetConversationId()
	case *pb.TurnFrame_TextDelta:
		f.text.WriteString(payload.TextDelta.GetText())
	case *pb.TurnFrame_Reset_, *pb.TurnFrame_TextWithdrawn:
		f.text.Reset()
	case *pb.TurnFrame_Completed, *pb.TurnFrame_Cancelled:
		f.closing = raw
		if raw.GetReplayed() { // it stands for deltas that did not come
			f.text.Reset()
			f.text.WriteString(responseOf(raw).GetResponse())
		}
	case *pb.TurnFrame_Failed:
		failed := payload.Failed
		reason := Reason(failure(failed))
		switch {
		case failed.GetRetryable() && (reason == "RUNNER_LOST" || reason == draining):
			f.gone = failed
			return shown, nil
		case failed.GetRetryable() && raw.GetSequence() == 0 && !raw.GetReplayed():
			// No part of the turn: it speaks of the way to it, and so does the status that the
			// stream now ends with.
			f.tries = tries
			return shown, nil
		default:
			f.closing = raw
		}
	}
	return append(shown, raw), nil
}

// after says what the end of a stream means: how long to wait before the next call, or that the
// turn is over (false), or the error to give up with. `err` is nil for OK.
func (f *turnFlow) after(err error) (time.Duration, bool, error) {
	if f.gone != nil {
		f.runs++
		wait, again := f.reattach.wait(f.runs, RetryAfter(failure(f.gone)))
		if !again {
			return 0, false, failure(f.gone)
		}
		f.gone, f.asks = nil, true
		return wait, true, nil
	}
	if f.closing != nil {
		if failed := f.closing.GetFailed(); failed != nil {
			return 0, false, failure(failed)
		}
		return 0, false, nil // whatever happened to the connection after it is of no interest
	}
	watched := !f.asks
	f.asks = f.turnID == ""
	if watched && status.Code(err) == codes.NotFound {
		f.asks = true
	} else if err != nil && !retryable(err) && (f.turnID == "" || !broken(err)) {
		return 0, false, err
	}
	retry := f.retry
	if f.turnID != "" || err != nil && Reason(err) == draining {
		retry = f.reattach
	}
	if wait, again := retry.wait(max(f.tries, 1), RetryAfter(err)); again {
		return wait, true, nil
	}
	if err != nil && f.turnID == "" {
		return 0, false, err
	}
	if cut, ok := err.(*StreamCut); ok {
		return 0, false, cut
	}
	return 0, false, f.cut(fmt.Sprintf("%d times in a row nothing came of it", f.tries), err)
}

// anew: asking again made another turn, since the first one is not there any more.
func (f *turnFlow) anew(raw *pb.TurnFrame) *pb.TurnFrame {
	f.attempt, f.lastSequence = 0, 0
	f.text.Reset()
	return &pb.TurnFrame{
		TurnId:  raw.GetTurnId(),
		Attempt: raw.GetAttempt(),
		Payload: &pb.TurnFrame_Reset_{Reset_: &pb.TurnReset{Attempt: raw.GetAttempt()}},
	}
}

// follows notes a frame's place; false for one that was seen.
func (f *turnFlow) follows(raw *pb.TurnFrame) (bool, error) {
	if raw.GetAttempt() < f.attempt ||
		raw.GetAttempt() == f.attempt && raw.GetSequence() <= f.lastSequence {
		return false, nil
	}
	expected := int64(0)
	if raw.GetAttempt() == f.attempt {
		expected = f.lastSequence
	}
	if raw.GetPreviousSequence() != expected {
		return false, f.cut(fmt.Sprintf("frame %d follows %d, not %d",
			raw.GetSequence(), raw.GetPreviousSequence(), expected), nil)
	}
	f.attempt, f.lastSequence = raw.GetAttempt(), raw.GetSequence()
	return true, nil
}

func (f *turnFlow) cut(why string, err error) *StreamCut {
	return &StreamCut{
		TurnID: f.turnID, RequestID: f.request.GetRequestId(), Attempt: f.attempt,
		LastSequence: f.lastSequence, Why: why, Err: err,
	}
}

func failure(failed *pb.TurnFailed) error {
	return status.FromProto(failed.GetStatus()).Err()
}

func responseOf(frame *pb.TurnFrame) *pb.PromptResponse {
	if completed := frame.GetCompleted(); completed != nil {
		return completed.GetResponse()
	}
	return frame.GetCancelled().GetResponse()
}
