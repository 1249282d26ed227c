package snapshot

// Seal seals a manifest as its maker does.
func Seal(c Config, m Manifest) ([]byte, error) {
	s, err := newSeal(c, m.ID)
	if err != nil {
		return nil, err
	}
	return s.boxManifest(m, c.Sign)
}
