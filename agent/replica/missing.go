package replica

import "context"

// Missing is how many changes of each device somebody sent and nobody has here, by the numbers of the device's
// chain: once all is read that the server has, it has lost them. Of a revoked device those count that the revocation lets stand,
// since whoever has its key can skip numbers at will; none where it does not say. What a device sent last, and
// the server lost, is not among them: no number tells of it.
func (r *Replica) Missing(ctx context.Context) (map[string]int, error) {
	byDevice, err := r.config.Store.Missing(ctx)
	if err != nil {
		return nil, err
	}
	for device := range byDevice {
		r.trusting.Lock()
		known, revoked, end := r.trust.known[device] != nil, r.trust.revoked(device), r.trust.shut[device].end()
		r.trusting.Unlock()
		switch {
		case revoked:
			if byDevice[device], err = r.config.Store.MissingBelow(ctx, device, end); err != nil {
				return nil, err
			}
		case !known:
			byDevice[device] = 0 // nothing of it counts until its certificate comes, which is said
		}
		if byDevice[device] == 0 {
			delete(byDevice, device)
		}
	}
	return byDevice, nil
}
