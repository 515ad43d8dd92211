package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxRefBytes bounds the list of refs: some 10,000 tags.
const maxRefBytes = 4 << 20

// Tag is a tag of a repository. Target changes when the tag is moved; the commit
// is what Resolve answers.
type Tag struct {
	Name   string `json:"name"`
	Target string `json:"targetCommit"`
}

// Tags lists the tags of a repository. The errors are those of File.
func (c *Client) Tags(ctx context.Context, repository string) ([]Tag, error) {
	if c.offline {
		return nil, fmt.Errorf("%w: HF_HUB_OFFLINE is set", ErrUnavailable)
	}
	tags, err := retry(ctx, func() ([]Tag, error) {
		target := c.endpoint.JoinPath("api", "models", repository, "refs")
		response, err := c.send(ctx, http.MethodGet, target, http.Header{}, true)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		var refs struct {
			Tags []Tag `json:"tags"`
		}
		if err := json.NewDecoder(io.LimitReader(response.Body, maxRefBytes)).Decode(&refs); err != nil {
			return nil, fmt.Errorf("%w: its list of refs cannot be read: %w", ErrUnavailable, err)
		}
		return refs.Tags, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tags of %s: %w", repository, err)
	}
	return tags, nil
}
