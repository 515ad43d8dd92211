// Package importstream sends HR's files to persistence's import, piece by piece, and
// reads what comes of it.
package importstream

import (
	"context"
	"errors"
	"fmt"
	"io"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// pieceBytes is how much of a file one message carries.
const pieceBytes = 256 << 10

// ReadError says that a file could not be read: what is wrong is not persistence's.
type ReadError struct{ Err error }

func (e ReadError) Error() string { return fmt.Sprintf("read a file: %s", e.Err) }
func (e ReadError) Unwrap() error { return e.Err }

// Send sends one file.
type Send func(kind futurisysv1.ImportFileKind, file io.Reader) error

// Run imports, or with validateOnly only checks, the files that send is called with.
// progress, which may be nil, hears how many employees are done. A ReadError, an error
// of files, or a status.
func Run(
	ctx context.Context, employees futurisysv1.EmployeeServiceClient, validateOnly bool, files func(Send) error, progress func(done, total int),
) (*futurisysv1.ImportReport, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // files that broke off must not look like all that there are
	stream, err := employees.ImportEmployees(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	sent := stream.Send(&futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Options{
		Options: &futurisysv1.ImportOptions{ValidateOnly: validateOnly},
	}})
	if sent == nil {
		sent = files(func(kind futurisysv1.ImportFileKind, file io.Reader) error { return sendFile(stream.Send, kind, file) })
	}
	// io.EOF from Send: persistence has ended the stream, and says why on Recv.
	if sent != nil && !errors.Is(sent, io.EOF) {
		return nil, sent
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			return nil, err //nolint:wrapcheck // a status
		}
		if report := message.GetReport(); report != nil {
			return report, nil
		}
		if progress != nil {
			progress(int(message.GetProgress().GetDone()), int(message.GetProgress().GetTotal()))
		}
	}
}

func sendFile(send func(*futurisysv1.ImportEmployeesRequest) error, kind futurisysv1.ImportFileKind, file io.Reader) error {
	buffer := make([]byte, pieceBytes)
	for first := true; ; first = false {
		count, err := fill(file, buffer)
		if count > 0 || first { // an empty file is sent too, to be refused as one
			piece := &futurisysv1.ImportChunk{Kind: kind, Data: buffer[:count]}
			if err := send(&futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Chunk{Chunk: piece}}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return ReadError{err}
		}
	}
}

// fill reads until the buffer is full. io.EOF is the file's end; unlike with io.ReadFull
// io.ErrUnexpectedEOF is the reader's own, which says that an upload broke off: what came
// of it must not pass for the file.
func fill(file io.Reader, buffer []byte) (count int, err error) {
	for count < len(buffer) && err == nil {
		var read int
		read, err = file.Read(buffer[count:])
		count += read
	}
	return count, err //nolint:wrapcheck // told apart by the caller
}
