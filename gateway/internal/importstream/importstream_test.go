package importstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/futurisys/futurisys/gateway/internal/importstream"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const sirh = futurisysv1.ImportFileKind_IMPORT_FILE_KIND_SIRH

// persistence takes files, and says how far it is.
type persistence struct {
	futurisysv1.UnimplementedEmployeeServiceServer

	mu       sync.Mutex // held while a call goes on
	files    map[futurisysv1.ImportFileKind]string
	pieces   int
	complete bool  // the caller sent all
	refuse   error // at the first piece
}

func (p *persistence) ImportEmployees(stream grpc.BidiStreamingServer[futurisysv1.ImportEmployeesRequest, futurisysv1.ImportEmployeesResponse]) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files, p.pieces, p.complete = map[futurisysv1.ImportFileKind]string{}, 0, false
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err //nolint:wrapcheck // a status
		}
		if message.GetOptions() != nil {
			continue
		}
		if p.refuse != nil {
			return p.refuse
		}
		p.pieces++
		p.files[message.GetChunk().GetKind()] += string(message.GetChunk().GetData())
	}
	p.complete = true
	for done := range 3 {
		if err := stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Progress{
			Progress: &futurisysv1.ImportProgress{Done: int32(done), Total: 2},
		}}); err != nil {
			return err //nolint:wrapcheck // a status
		}
	}
	return stream.Send(&futurisysv1.ImportEmployeesResponse{Content: &futurisysv1.ImportEmployeesResponse_Report{
		Report: &futurisysv1.ImportReport{EmployeeCount: 2},
	}})
}

func connect(t *testing.T) (*persistence, futurisysv1.EmployeeServiceClient) {
	t.Helper()
	service, server, listener := &persistence{}, grpc.NewServer(), bufconn.Listen(1<<20)
	futurisysv1.RegisterEmployeeServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return service, futurisysv1.NewEmployeeServiceClient(connection)
}

// one sends one file.
func one(file io.Reader) func(importstream.Send) error {
	return func(send importstream.Send) error { return send(sirh, file) }
}

func TestFilesArriveWhole(t *testing.T) {
	service, client := connect(t)
	large := strings.Repeat("0123456789", 60_000)
	for name, test := range map[string]struct {
		file   io.Reader
		want   string
		pieces int
	}{
		"empty":         {strings.NewReader(""), "", 1},
		"small":         {strings.NewReader("a"), "a", 1},
		"of two pieces": {strings.NewReader(large[:512<<10]), large[:512<<10], 2},
		"large":         {strings.NewReader(large), large, 3},
		"byte by byte":  {iotest.OneByteReader(strings.NewReader(large[:1000])), large[:1000], 1},
		"with its end":  {iotest.DataErrReader(strings.NewReader("abc")), "abc", 1},
		"half by half":  {iotest.HalfReader(strings.NewReader(large)), large, 3},
	} {
		var heard []int
		report, err := importstream.Run(t.Context(), client, false, one(test.file), func(done, total int) { heard = append(heard, done, total) })
		if err != nil || report.GetEmployeeCount() != 2 {
			t.Errorf("%s: got %v, %v", name, report, err)
		}
		service.mu.Lock()
		if service.files[sirh] != test.want || service.pieces < test.pieces || service.pieces > test.pieces+1 {
			t.Errorf("%s: %d bytes in %d pieces arrived", name, len(service.files[sirh]), service.pieces)
		}
		service.mu.Unlock()
		if !slices.Equal(heard, []int{0, 2, 1, 2, 2, 2}) {
			t.Errorf("%s: heard %v", name, heard)
		}
	}
}

// Half of a file would put half of the people on record.
func TestAFileThatBreaksOffIsNotImported(t *testing.T) {
	service, client := connect(t)
	broken := errors.New("the disk is gone")
	for name, file := range map[string]io.Reader{
		"cut in the middle":    io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"cut after a piece":    io.MultiReader(strings.NewReader(strings.Repeat("x", 256<<10)), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"cut at the beginning": iotest.ErrReader(io.ErrUnexpectedEOF),
		"that cannot be read":  iotest.ErrReader(broken),
	} {
		report, err := importstream.Run(t.Context(), client, false, one(file), nil)
		if _, is := errors.AsType[importstream.ReadError](err); !is || report != nil {
			t.Errorf("%s: got %v, %v", name, report, err)
		}
		service.mu.Lock() // the call has ended there too
		if service.complete {
			t.Errorf("%s: persistence takes it for the whole", name)
		}
		service.mu.Unlock()
	}
}

func TestWhyPersistenceRefuses(t *testing.T) {
	service, client := connect(t)
	service.refuse = status.Error(codes.ResourceExhausted, "too large")
	endless := strings.NewReader(strings.Repeat("x", 8<<20))
	if _, err := importstream.Run(t.Context(), client, false, one(endless), nil); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v, want what persistence said", err)
	}
	wrong := errors.New("a part twice")
	if _, err := importstream.Run(t.Context(), client, false, func(importstream.Send) error { return wrong }, nil); !errors.Is(err, wrong) {
		t.Errorf("got %v, want what was wrong with the files", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := importstream.Run(ctx, client, false, one(strings.NewReader("x")), nil); status.Code(err) != codes.Canceled {
		t.Errorf("the caller went away: got %v", err)
	}
}
