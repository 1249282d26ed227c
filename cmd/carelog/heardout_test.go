package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	main "github.com/carelog/carelog/cmd/carelog"
	"github.com/carelog/carelog/internal/pipetest"
)

// A caller who is refused and stops sending is answered all the same, and is not waited for;
// one who sends on has its connection for the next request.
func TestARefusedRequestIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		conn := pipetest.Serve(t, main.HeardOut(refuse, time.Minute)).Dial()
		answers := bufio.NewReader(conn)
		for _, body := range []string{"0123456789", "0123456789", "0"} {
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n%s", body)
			answer, err := http.ReadResponse(answers, nil)
			if err != nil || answer.StatusCode != http.StatusUnauthorized {
				t.Fatalf("after %d bytes of 10: %v, %v", len(body), answer, err)
			}
			answer.Body.Close()
		}
		if rest, err := io.ReadAll(answers); err != nil || len(rest) != 0 { // the server ends the connection
			t.Errorf("then came %q, %v", rest, err)
		}
	})
}
