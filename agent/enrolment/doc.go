// Package enrolment is how a device comes to belong to a practice.
//
// A practice is made with one secret of 32 bytes, printed on its recovery sheet and
// kept nowhere else. From it come, by HKDF, the practice key (every enrolled device
// has it), the root key that certifies devices, and the account key that lets a
// device log in to the broker (only the sheet has these two). So whoever holds the
// sheet can enrol a PC without the operator of the broker, and the operator can
// read nothing.
//
// It promises that a sheet or an enrolment that was mistyped or cut short is told as
// such, and that secrets go to files that only their owner can read, whole or not at
// all. It cannot tell that the id of a practice was mistyped as one that could be: the
// broker then lets the device do nothing. It does not write to the log: a device
// registers itself with its certificate as the first event of its chain.
package enrolment
