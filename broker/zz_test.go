package broker_test
import ("testing";"time";"context";"github.com/carelog/carelog/broker/brokertest";"github.com/carelog/carelog/broker/logtest";"github.com/nats-io/nats.go")
func TestZZ(t *testing.T){
	b := brokertest.Start(t); l := b.Device("desk-1").Connect()
	var last uint64
	for range 3000 { var err error; last, err = l.AppendAfter(t.Context(), logtest.Event(t,"p","Condition/c"), last); if err!=nil {t.Fatal(err)} }
	for range 20 { for s, _ := range l.Read(t.Context(), 1) { if s.Sequence==3000 {break} } }
	x := b.Server().NumAcc(b.Account())
	t.Log("pending responses", x)
	// long poll beyond
	ctx, c := context.WithTimeout(t.Context(), 150*time.Second); defer c()
	go func(){ time.Sleep(140*time.Second); l.Append(ctx, logtest.Event(t,"p","Condition/c")) }()
	start := time.Now()
	for s, err := range l.Read(ctx, 3001) { t.Log(s.Sequence, err, time.Since(start)); break }
	t.Log("pending responses", b.Server().NumAcc(b.Account()))
	_ = nats.Msg{}
}
