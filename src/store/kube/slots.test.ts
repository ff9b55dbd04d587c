import { expect, it } from 'vitest';
import { createSlots } from './slots.ts';

const never = new AbortController().signal;

it('lets in as many as there are places, the others in the order of coming', async () => {
  const slots = createSlots(2);
  const order: string[] = [];
  const enter = async (name: string): Promise<() => void> => {
    const leave = await slots.take(never);
    order.push(name);
    return leave;
  };
  const leaveA = await enter('a');
  await enter('b');
  const [c, d] = [enter('c'), enter('d')];
  await Promise.resolve();
  expect(order).toEqual(['a', 'b']);
  leaveA();
  // A second time gives no second place.
  leaveA();
  const leaveC = await c;
  expect(order).toEqual(['a', 'b', 'c']);
  leaveC();
  await d;
  expect(order).toEqual(['a', 'b', 'c', 'd']);
});

it('who gives up waiting takes no place', async () => {
  const slots = createSlots(1);
  const leave = await slots.take(never);
  const controller = new AbortController();
  const given = slots.take(controller.signal);
  const next = slots.take(never);
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  leave();
  await expect(next).resolves.toBeTypeOf('function');
  await expect(slots.take(controller.signal)).rejects.toThrow('enough');
});
