// Package hubsim is a hub to try things with: it keeps Sumehrs as Vitalink does, and fails in
// each way that a hub has been seen to fail in, on command.
//
// It promises:
//
//   - The rules of versions: a Sumehr that names /subject/<INSS>/sumehr/<document>/new/<n> is
//     taken where n is the newest, and refused where it is not; one that names none becomes
//     a document of its own, also where there is one already.
//   - What it takes is a Sumehr without an error by package check, and by the hub's schemas
//     where somebody gives it those.
//   - Each Switch works on its own, for so many requests as it says.
//   - It tells what it holds and how often it was given what (Holds), so that a test can say
//     that nothing was sent twice.
//
// It does not promise to be a hub: it trusts everybody, seals nothing, forgets everything at its end unless it has a file, and
// where no public source says which code a hub answers with, the code is ours (scheme LOCAL).
package hubsim
