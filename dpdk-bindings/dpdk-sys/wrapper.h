/* What bindgen reads: DPDK's headers, and as constants what it cannot see by
 * itself (function-like macros, field offsets). */
#include <stddef.h>

#include <rte_config.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_version.h>

static const size_t PTL_MBUF_SIZE = sizeof(struct rte_mbuf);
static const size_t PTL_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr);
static const size_t PTL_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off);
static const size_t PTL_MBUF_REFCNT = offsetof(struct rte_mbuf, refcnt);
static const size_t PTL_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs);
static const size_t PTL_MBUF_PORT = offsetof(struct rte_mbuf, port);
static const size_t PTL_MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags);
static const size_t PTL_MBUF_PACKET_TYPE = offsetof(struct rte_mbuf, packet_type);
static const size_t PTL_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len);
static const size_t PTL_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len);
static const size_t PTL_MBUF_VLAN_TCI = offsetof(struct rte_mbuf, vlan_tci);
static const size_t PTL_MBUF_HASH = offsetof(struct rte_mbuf, hash);
static const size_t PTL_MBUF_HASH_SIZE = sizeof(((struct rte_mbuf *)0)->hash);
static const size_t PTL_MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len);

static const uint64_t PTL_RX_IP_CKSUM_MASK = RTE_MBUF_F_RX_IP_CKSUM_MASK;
static const uint64_t PTL_RX_IP_CKSUM_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;

static const uint64_t PTL_RX_OFFLOAD_IPV4_CKSUM = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
/* IPv4 in all its forms: drivers name TCP, UDP and fragments separately. */
static const uint64_t PTL_RSS_IPV4_ALL =
	RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
	RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP |
	RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
/* By number: bindgen cannot evaluate bit 63. */
static const uint32_t PTL_RSS_L3_SRC_ONLY_BIT = __builtin_ctzll(RTE_ETH_RSS_L3_SRC_ONLY);
static const uint32_t PTL_RSS_L3_DST_ONLY_BIT = __builtin_ctzll(RTE_ETH_RSS_L3_DST_ONLY);

static const uint32_t PTL_RING_FLAGS = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;
static const int PTL_SOCKET_ID_ANY = SOCKET_ID_ANY;
static const uint32_t PTL_HEADROOM = RTE_PKTMBUF_HEADROOM;
static const uint16_t PTL_NO_PORT = RTE_MAX_ETHPORTS;
static const size_t PTL_RETA_GROUP = RTE_ETH_RETA_GROUP_SIZE;
