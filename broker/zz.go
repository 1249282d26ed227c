package broker
func (s *Server) NumAcc(a string) (n []int) { for _, p := range []string{a} { acc, _ := s.nats.LookupAccount(p); n = append(n, acc.NumPendingAllResponses()) }
 x, _ := s.operator.Account("p1"); acc, _ := s.nats.LookupAccount(x.Data); return append(n, acc.NumPendingAllResponses(), acc.NumServiceImports()) }
