// Package hub speaks with a hub, the vault where other doctors find a patient's Sumehr: the
// five operations of IntraHub v3 that a Sumehr needs, over SOAP.
//
// It promises:
//
//   - Every failure says what may be done next: *AnswerError (the hub understood and
//     refused), *FaultError (it did not understand, or broke), ErrUnreachable (nothing was
//     sent), ErrUnknown (it may have been done: read the hub before anything is sent again).
//   - An answer is a success only where it is complete and names no error: a hub has said
//     both at once.
//   - Answers are bounded and believed no more than any file; see package kmehr.
//   - Nothing is tried twice. Whoever calls knows whether that is safe.
//
// It does not promise that the hub trusts us: a session with eHealth, its token, and the
// sealing of the folder need a certificate, and stand behind Security. Plain, which does
// none of that, and Trusting, which lets everybody in, are for the simulator and for tests.
package hub
