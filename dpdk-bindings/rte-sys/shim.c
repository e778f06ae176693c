/* The inline functions of DPDK that Portolan uses, wrapped at burst
 * granularity: a call is paid per burst, not per packet. */

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

int ptl_errno(void) { return rte_errno; }

/* Whether DPDK knows the calling thread by a number of its own. */
bool ptl_thread_known(void) { return rte_lcore_id() != LCORE_ID_ANY; }

/* Brings packets of several segments into one each; those that do not fit
 * are freed. Returns how many are left. */
static __rte_noinline uint16_t one_segment_each(struct rte_mbuf **packets, uint16_t count) {
	uint16_t kept = 0;
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *packet = packets[i];
		if (likely(packet->nb_segs == 1) || rte_pktmbuf_linearize(packet) == 0)
			packets[kept++] = packet;
		else
			rte_pktmbuf_free(packet);
	}
	return kept;
}

/* Receives at most `room` packets, of one segment each, their port set to
 * `index` and the first line of their data on its way to the cache. Adds to
 * `*dropped` what did not fit one segment. */
uint16_t ptl_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t room,
		      uint16_t index, uint64_t *dropped) {
	uint16_t count = rte_eth_rx_burst(port, queue, packets, room);
	uint32_t segments = 0;
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *packet = packets[i];
		rte_prefetch0(rte_pktmbuf_mtod(packet, void *));
		packet->port = index;
		segments |= packet->nb_segs;
	}
	if (unlikely(segments > 1)) {
		uint16_t kept = one_segment_each(packets, count);
		*dropped += count - kept;
		count = kept;
	}
	return count;
}

/* Sends `count` packets; frees and counts those the device refuses. */
uint16_t ptl_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count) {
	uint16_t sent = rte_eth_tx_burst(port, queue, packets, count);
	if (unlikely(sent < count))
		rte_pktmbuf_free_bulk(packets + sent, count - sent);
	return count - sent;
}

/* One empty packet, or NULL. */
struct rte_mbuf *ptl_alloc(struct rte_mempool *pool) {
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
	if (likely(packet != NULL))
		packet->port = 0;
	return packet;
}

/* `count` empty packets, or none; whether there were enough. */
bool ptl_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **packets, uint16_t count) {
	return rte_pktmbuf_alloc_bulk(pool, packets, count) == 0;
}

void ptl_free(struct rte_mbuf *packet) { rte_pktmbuf_free(packet); }

uint16_t ptl_ring_push(struct rte_ring *ring, struct rte_mbuf *const *packets, uint16_t count) {
	return rte_ring_sp_enqueue_burst(ring, (void *const *)packets, count, NULL);
}

uint16_t ptl_ring_pop(struct rte_ring *ring, struct rte_mbuf **packets, uint16_t room) {
	return rte_ring_sc_dequeue_burst(ring, (void **)packets, room, NULL);
}

/* The link as last seen: its speed in Mbit/s, and whether it is up. The fields
 * of the structure are bits in places that differ between releases. */
int ptl_link(uint16_t port, uint32_t *speed, bool *up) {
	struct rte_eth_link link = {0};
	int error = rte_eth_link_get_nowait(port, &link);
	if (error == 0) {
		*speed = link.link_speed;
		*up = link.link_status == RTE_ETH_LINK_UP;
	}
	return error;
}
