// Package blocks reads the files in which nats-server keeps the messages of a stream, and
// says whether they are as they were written.
//
// It promises to hold one file in memory at a time, to change none, and to need nothing of the
// server that writes them. A file is judged up to where it ended when it was listed, and to the
// end of the message there, so that a server which goes on writing is no damage.
//
// Indexed says whether the server will read them when it starts. Sound gives what can still be read of a damaged
// file, for whoever can write it anew. Mend gives the same as a file for the server, for whoever writes it while that stands still.
//
// It does not say what is gone: that is for the server to say, once it has looked. The form of
// the files is nats-server's own (server/filestore.go of 2.15.2), and not promised by it;
// the test of this package says when another version writes another one. Of files that
// are compressed, which our broker never asks for, it says that it does not understand them; those
// that are encrypted it takes for damaged.
package blocks
